import os

from impasto_daemon.worker.process import worker_environment

# Read by PyTorch when it first asks for a GPU's memory.
for _name, _value in worker_environment().items():
    if _name.startswith("PYTORCH"):
        os.environ[_name] = _value
