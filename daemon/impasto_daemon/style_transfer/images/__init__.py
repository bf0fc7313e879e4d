"""Images as tensors: pixels, colours, masks, the initial image, upsampling."""
