#include "isa/portable.hpp"
#include "kernel_of.hpp"

namespace glorot {

void fill_portable(const Job& job) { fill_with<Portable>(job); }

}  // namespace glorot
