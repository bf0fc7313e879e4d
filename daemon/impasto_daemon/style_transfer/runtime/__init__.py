"""The execution of evaluations on this machine: CUDA graphs, and retries when memory runs out."""
