#include "isa/portable.hpp"
#include "kernel_of.hpp"

namespace glorot {

const Kernel kernel_portable = kernel_of<Portable>;

}  // namespace glorot
