#include "isa/avx2.hpp"
#include "kernel_of.hpp"

namespace glorot {

const Kernel kernel_avx2 = kernel_of<Avx2>;

}  // namespace glorot
