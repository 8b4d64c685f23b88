"""GL6xx: do the ranks hold what one process would?"""
