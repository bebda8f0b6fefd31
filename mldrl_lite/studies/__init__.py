"""What single notebooks draw and compare: pictures (00, 02, 03), recipes (07), speed (08), and the benchmark."""
