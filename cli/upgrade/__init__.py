"""``./stack upgrade``: a release of Landfast merged into a clone that has applications of its own.

The merge is made of three trees before any file changes: the release that is here, this checkout, the new release.
Git's own merge would stop at conflicts in rooms that the user removed, and would follow renames out of them.
"""
