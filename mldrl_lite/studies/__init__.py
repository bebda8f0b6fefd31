"""What single notebooks compare: recipes of training (07), speed (08), and the benchmark of both."""
