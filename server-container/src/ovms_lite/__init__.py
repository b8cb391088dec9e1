"""A model server that answers as OpenVINO Model Server does, on the openvino runtime."""
