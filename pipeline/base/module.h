/* Late loading: heavy libraries stand behind modules that are opened when first needed.
 *
 * A module NAME is one source file `*NAME_module.c` and becomes `modules/NAME.so` beside the program (build tree) or
 * under LIBDIR/winnow (installed). It exports one symbol, `winnow_module_NAME`: a constant struct of function pointers
 * whose type stands in the header that everybody else includes. The module's code may call the house's base functions;
 * the program exports them.
 *
 *     static const struct codecs *codecs(void) { return module_open("codecs"); }
 */
#ifndef WINNOW_MODULE_H
#define WINNOW_MODULE_H

/* The struct that module `name` exports; opened once and kept until the process ends. NULL with a sentence that names the
 * missing library and what to install. Any thread. `name` is a string literal. */
const void *module_open(const char *name);

#endif
