// Between the two halves of the plugin.
#ifndef DESCRIBE_H
#define DESCRIBE_H

void describe_register(const char *plugin);

#endif
