/* The program's clock (vdso/vdso.c) as part of the image: in the text segment, outside the library range. */
#include "exec.h"

const uint8_t vdso_image[] __attribute__((section(".vdso"), aligned(4096))) = {
#include "vdso_image.h"
};
