/* Tables of open files: numbers instead of gates, for files that only the process that opened them knows. To open and
 * close one is a call of words alone each; a gate is made when the file is to be shared. */
#include "service.h"

#include <errno.h>
#include <string.h>

#define TABLE_FIRST 16u
#define TABLE_MOST 1024u /* more than this have gates */

int table_make(struct open_file *file)
{
	struct file_table *table = heap_allocate(sizeof *table);
	if (!table)
		return -ENOMEM;
	table->lowest_free = 1;
	file->table = table;
	return 0;
}

static bool table_grow(struct file_table *table)
{
	uint32_t size = table->size ? table->size * 2 : TABLE_FIRST;
	struct open_file **files = size <= TABLE_MOST ? heap_allocate(size * sizeof *files) : NULL;
	if (!files)
		return false;
	if (table->files) {
		memcpy(files, table->files, table->size * sizeof *files);
		heap_free(table->files, table->size * sizeof *files);
	}
	table->files = files;
	table->size = size;
	return true;
}

bool table_has_room(struct file_table *table)
{
	while (table->lowest_free < table->size && table->files[table->lowest_free])
		table->lowest_free++;
	return table->lowest_free < table->size || table_grow(table);
}

void table_insert(struct file_table *table, struct open_file *file)
{
	file->number = table->lowest_free++;
	file->table = table;
	file->holders++;
	table->files[file->number] = file;
}

struct open_file *table_find(const struct open_file *own, uint32_t number)
{
	const struct file_table *table = own->number ? NULL : own->table;
	return table && number < table->size ? table->files[number] : NULL;
}

void table_remove(struct open_file *file)
{
	struct file_table *table = file->table;
	table->files[file->number] = NULL;
	if (file->number < table->lowest_free)
		table->lowest_free = file->number;
	file->number = 0;
	file->table = NULL;
}

void table_drop(struct open_file *own)
{
	struct file_table *table = own->table;
	own->table = NULL;
	for (uint32_t number = 1; number < table->size; number++) {
		struct open_file *file = table->files[number];
		if (file) {
			table_remove(file);
			open_file_release(file);
		}
	}
	if (table->files)
		heap_free(table->files, table->size * sizeof *table->files);
	heap_free(table, sizeof *table);
}
