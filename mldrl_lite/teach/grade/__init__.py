"""Grading: handed-in copies of the notebooks run apart, are judged by the course's own checks, and become a book."""
