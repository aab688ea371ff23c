"""Figures for the board: is the promise kept, who waits, how citizens judge, what the law answers without people.

A period is that of the rounds that started in it (for ratings, answers of the law and consultations: that came in it), from
`since` up to but not at `until`. A region is the region with all that lies in it. Databases count; what comes back is small.
"""
