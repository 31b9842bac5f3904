/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMware's port and the vmmouse behind it, as a driver finds and enables them; and mistakes of a driver. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define MAGIC 0x564d5868
#define CALL(command, argument) \
    mov $MAGIC, %eax; mov $(argument), %ebx; mov $(command), %ecx; mov $0x5658, %edx; in %dx, %eax

guest_main:
    CALL(10, 0) /* version: not all ones, the magic in EBX */
    cmp $-1, %eax
    EXPECT_IF(nz)
    EXPECT(%ebx, $MAGIC)

    mov $0x12345678, %eax /* without the magic nobody answers */
    mov $0x11, %ebx
    mov $10, %ecx
    mov $0x5658, %edx
    in %dx, %eax
    EXPECT(%ebx, $0x11)

    CALL(40, 0) /* off: an error, nothing there */
    EXPECT(%eax, $0xffff0000)
    CALL(41, 0x45414552) /* enable: the version waits */
    CALL(40, 0)
    EXPECT(%eax, $1)
    CALL(39, 1)
    EXPECT(%eax, $0x3442554a)
    CALL(40, 0)
    EXPECT(%eax, $0)
    CALL(41, 0x53424152) /* absolute; nobody has moved */
    CALL(40, 0)
    EXPECT(%eax, $0)

    CALL(39, 4) /* more than there is */
    CALL(40, 0)
    EXPECT(%eax, $0xffff0000)
    CALL(41, 0x45414552) /* again */
    CALL(40, 0)
    EXPECT(%eax, $1)
    CALL(39, 0x10000001)
    CALL(40, 0)
    EXPECT(%eax, $0xffff0001)
    CALL(41, 0xf5) /* off */
    CALL(40, 0)
    shr $16, %eax
    EXPECT(%eax, $0xffff)
    PASS
