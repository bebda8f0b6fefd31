"""What single notebooks draw and compare: pictures (00, 02, 03), speed (08), a study (09), and the benchmark."""
