"""What single notebooks draw and compare: hooks (03), recipes of training (07), speed (08), and the benchmark."""
