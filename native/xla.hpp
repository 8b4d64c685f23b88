// As much of the binary interface of XLA's foreign functions as one function needs that takes and returns buffers.
//
// XLA calls a function with a frame of plain structs, each of which says its own size first. What stands here is laid out
// alike in versions 0.1 to 0.3 of that interface (jaxlib 0.8 to 0.10, xla/ffi/api/c_api.h). XLA asks for the version that a
// function was written to before it registers it, and refuses one that it no longer calls: nothing is built against
// jaxlib, and a jaxlib with another layout gets no function.
#pragma once

#include <cstddef>
#include <cstdint>

namespace glorot::xla {

constexpr int major_version = 0, first_minor_version = 1, last_minor_version = 3;

enum ExtensionKind : int32_t { metadata_kind = 1 };
enum ErrorCode : int32_t { invalid_argument = 3 };
enum Type : int32_t { u32 = 8, f16 = 10, f32 = 11, f64 = 12, bf16 = 16 };

struct Error;  // XLA's own

struct Extension {
    size_t struct_size;
    ExtensionKind kind;
    Extension* next;
};

struct Version {
    size_t struct_size;
    Extension* extensions;
    int major, minor;
};

struct Metadata {
    size_t struct_size;
    Version version;  // to be answered
    uint32_t traits;
};

struct MetadataExtension {
    Extension base;
    Metadata* metadata;
};

struct ErrorArguments {
    size_t struct_size;
    Extension* extensions;
    const char* message;
    ErrorCode code;
};

struct Api {
    size_t struct_size;
    Extension* extensions;
    Version version;
    const void* internals;
    Error* (*create_error)(ErrorArguments*);
};

struct Buffer {
    size_t struct_size;
    Extension* extensions;
    Type type;
    void* memory;
    int64_t axes;
    const int64_t* extents;
};

struct Buffers {
    size_t struct_size;
    Extension* extensions;
    int64_t count;
    const int32_t* kinds;  // 1: a buffer
    Buffer* const* buffers;
};

struct Frame {
    size_t struct_size;
    Extension* extensions;
    const Api* api;
    void* context;
    int32_t stage;
    Buffers arguments, results;
};

}  // namespace glorot::xla
