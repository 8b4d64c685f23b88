// The function that XLA calls inside `jit`, on a CPU: it fills one array.
#pragma once

#include "xla.hpp"

namespace glorot {

xla::Error* draw_for_xla(xla::Frame* frame);

}  // namespace glorot
