#include "isa/avx2.hpp"
#include "kernel_of.hpp"

namespace glorot {

void fill_avx2(const Job& job) { fill_with<Avx2>(job); }

}  // namespace glorot
