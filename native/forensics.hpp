// What forensics asks of a native kernel.
#pragma once

#include <nanobind/nanobind.h>

namespace glorot {

void add_forensics(nanobind::module_& module);

}  // namespace glorot
