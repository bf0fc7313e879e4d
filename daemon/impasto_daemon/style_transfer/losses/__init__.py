"""What is minimised: the paper's losses and the objective they make."""
