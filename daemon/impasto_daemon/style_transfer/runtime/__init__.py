"""How an evaluation is run on this machine: CUDA graphs, running out of memory."""
