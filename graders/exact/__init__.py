"""The second judge: the same application on a virtual clock, where noise cannot reach it.

Inside the child process one `World` holds the clock and lets one thread run at a time. A thread that sleeps, waits
for a lock or finds its event loop idle hands over to the next one that can run; only when none can does the clock
jump to the next wake-up. So nothing that the machine does, and no order in which it runs threads, changes a result.
"""
