/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only the run states may ask of the vCPU threads. */
#ifndef SYSTEM_CPUS_INT_H
#define SYSTEM_CPUS_INT_H

/* On a vCPU's thread: it leaves guest code and parks until vcpus_resume().  On other threads: nothing. */
void vcpu_park_current(void);

#endif
