"""The two files of a Caffe net: its definition in protobuf's text format, and its weights in the wire format."""
