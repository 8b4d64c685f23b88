"""What the function tells XLA that asks for its version, and what it says of a call that it was not written for."""

import ctypes

import pytest

from glorot import native

pytestmark = pytest.mark.skipif(native.available() == ("numpy",), reason="no native kernel is built here")

Pointer, Size = ctypes.c_void_p, ctypes.c_size_t


class Version(ctypes.Structure):
    _fields_ = [("struct_size", Size), ("extensions", Pointer), ("major", ctypes.c_int), ("minor", ctypes.c_int)]


class Metadata(ctypes.Structure):
    _fields_ = [("struct_size", Size), ("version", Version), ("traits", ctypes.c_uint32)]


class Extension(ctypes.Structure):
    _fields_ = [
        ("struct_size", Size),
        ("kind", ctypes.c_int),
        ("next", Pointer),
        ("metadata", ctypes.POINTER(Metadata)),
    ]


class ErrorArguments(ctypes.Structure):
    _fields_ = [("struct_size", Size), ("extensions", Pointer), ("message", ctypes.c_char_p), ("code", ctypes.c_int)]


CreateError = ctypes.CFUNCTYPE(Pointer, ctypes.POINTER(ErrorArguments))


class Api(ctypes.Structure):
    _fields_ = [
        ("struct_size", Size),
        ("extensions", Pointer),
        ("version", Version),
        ("internals", Pointer),
        ("create_error", CreateError),
    ]


class Buffers(ctypes.Structure):
    _fields_ = [
        ("struct_size", Size),
        ("extensions", Pointer),
        ("count", ctypes.c_int64),
        ("kinds", Pointer),
        ("buffers", Pointer),
    ]


class Frame(ctypes.Structure):
    _fields_ = [
        ("struct_size", Size),
        ("extensions", ctypes.POINTER(Extension)),
        ("api", ctypes.POINTER(Api)),
        ("context", Pointer),
        ("stage", ctypes.c_int32),
        ("arguments", Buffers),
        ("results", Buffers),
    ]


def call(frame: Frame) -> int | None:
    """Call the function as XLA does."""
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = Pointer, [ctypes.py_object, ctypes.c_char_p]
    function = ctypes.CFUNCTYPE(Pointer, ctypes.POINTER(Frame))(address(native.draw_for_xla(), None))
    return function(ctypes.byref(frame))


@pytest.mark.parametrize(("known", "answered"), [(None, 1), (0, 1), (1, 1), (2, 2), (3, 3), (4, 3), (99, 3)])
def test_it_answers_the_newest_version_that_both_know(known: int | None, answered: int):
    """XLA refuses what it is too new or too old for; jaxlib 0.8 does not say its own version."""
    metadata = Metadata(version=Version(major=-1, minor=-1))
    frame = Frame(extensions=ctypes.pointer(Extension(kind=1, metadata=ctypes.pointer(metadata))))
    if known is not None:
        frame.api = ctypes.pointer(Api(version=Version(major=0, minor=known)))
    assert call(frame) is None
    assert (metadata.version.major, metadata.version.minor) == (0, answered)


def test_a_call_without_arguments_is_an_error_in_words():
    said: list[bytes] = []
    create = CreateError(lambda arguments: said.append(arguments.contents.message) or 1234)
    assert call(Frame(api=ctypes.pointer(Api(create_error=create)))) == 1234
    assert said == [b"glorot_draw takes settings, a table and a device, and returns one array"]
