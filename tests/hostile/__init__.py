"""Hostile input: cases made from a number, each the same every time.

`running.case(number)` makes one and tells what became of it. The suite runs a sample;
`benchmarks/fuzz.py` runs as many as wanted.
"""
