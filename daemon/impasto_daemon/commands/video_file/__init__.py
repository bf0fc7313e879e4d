"""Video files, for the command line: read and written by PyAV, frame by frame."""
