"""What a file says of a net: its layers in the words of Caffe 1.0, in the state that is asked for."""
