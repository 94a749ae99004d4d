/* schemas/index.sql inside the program. */
#include "shard/index_db.h"

__asm__(".pushsection .rodata\n"
        ".global index_schema\n"
        ".type index_schema, @object\n"
        "index_schema:\n"
        ".incbin \"schemas/index.sql\"\n"
        ".byte 0\n"
        ".size index_schema, .-index_schema\n"
        ".popsection\n");
