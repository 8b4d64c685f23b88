"""GL7xx: do the weights follow the plan, or what they should continue?"""
