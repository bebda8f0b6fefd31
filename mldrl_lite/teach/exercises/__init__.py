"""The checks that exercises call, a module for each notebook; `mldrl_lite.teach` gives them all.

A check looks at what the answer does, and never shows the solution.
"""
