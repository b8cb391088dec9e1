"""EfficientNet checkpoints -> ONNX, read without torch and without trust.

A pickle is a program that can name any function of the machine and have it called. Each one is first screened
without running it, then read by an unpickler that knows tensors and nothing else.

reader        a file -> tensors by name, whatever its format
state_dict    one pickle of tensors, screened
names         the names of three programs -> one set of names
architectures the members of the family, and whose weights they are
efficientnet  tensors by name -> the network as an ONNX graph
onnx_graph    building ONNX files with the same bytes each time
"""
