#include "isa/avx512.hpp"
#include "kernel_of.hpp"

namespace glorot {

void fill_avx512(const Job& job) { fill_with<Avx512>(job); }

}  // namespace glorot
