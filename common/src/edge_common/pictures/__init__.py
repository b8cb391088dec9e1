"""From a picture file to a model's input tensor; needs the extra `pictures` (OpenCV, Pillow, numpy)."""
