#include "isa/avx512_bf16.hpp"
#include "kernel_of.hpp"

namespace glorot {

const Kernel kernel_avx512_bf16 = kernel_of<Avx512Bf16>;

}  // namespace glorot
