"""The jobs: their table and queue, their pictures, and what they will take."""
