/* How templates name their functions: each precision has its own. */
#ifndef SKYMEANS_KERNELS_NAMES_H
#define SKYMEANS_KERNELS_NAMES_H

#define JOINED(a, b) a##_##b
#define JOIN(a, b)   JOINED(a, b)
#define QUOTED(a)    #a
#define QUOTE(a)     QUOTED(a)
#define OURS(name)   JOIN(name, PRECISION) /* name_float32 */

#endif
