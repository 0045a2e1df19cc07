/*
 * Functions that this code base does without: included before every source of ours by the build
 * (-include), after the system headers that declare them.
 */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol gets

#endif
