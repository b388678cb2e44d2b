// The second half of the plugin: each build says how its state is laid out, so that another build can take it over
// (layout.h). For each variable that is kept, and each structure that is reached from one or that a pointer without a type
// was taken for, an entry goes into the section .stash_layout: its name, where it is, and a hash over all that two
// builds have to agree on.
//
// The linker has to tell which variable an instruction means, so variables that are private to a file get names of their own
// (variable.function.folder.file) that it can see.
#include "gcc-plugin.h"
#include "tree.h"
#include "gimple.h"
#include "cgraph.h"
#include "stringpool.h"
#include "output.h"
#include "tree-pass.h"
#include "toplev.h"
#include "describe.h"
#include "layout.h"
#include <inttypes.h>
#include <map>
#include <set>
#include <string>

namespace {

std::map<std::string, uint64_t> types; // by name

uint64_t hash_of(const std::string &text)
{
	uint64_t hash = 0xcbf29ce484222325; // FNV-1a
	for (unsigned char byte : text)
		hash = (hash ^ byte) * 0x100000001b3;
	return hash;
}

std::string number(HOST_WIDE_INT value)
{
	return std::to_string((long long)value);
}

std::string name_of(tree type)
{
	tree name = TYPE_NAME(TYPE_MAIN_VARIANT(type));
	if (name && TREE_CODE(name) == TYPE_DECL)
		name = DECL_NAME(name);
	return name ? IDENTIFIER_POINTER(name) : "";
}

HOST_WIDE_INT size_of(tree type)
{
	tree size = TYPE_SIZE_UNIT(type);
	return size && tree_fits_shwi_p(size) ? tree_to_shwi(size) : 0;
}

std::string spell(tree type);
void reach(tree type);

std::string spell_fields(tree type)
{
	std::string text = TREE_CODE(type) == UNION_TYPE ? "union{" : "struct{";
	for (tree field = TYPE_FIELDS(type); field; field = DECL_CHAIN(field)) {
		if (TREE_CODE(field) != FIELD_DECL)
			continue;
		tree size = DECL_SIZE(field);
		text += DECL_NAME(field) ? IDENTIFIER_POINTER(DECL_NAME(field)) : "";
		text += "@" + number(int_bit_position(field)) + ":" + (size && tree_fits_shwi_p(size) ? number(tree_to_shwi(size)) : "");
		text += " " + spell(TREE_TYPE(field)) + ";";
	}
	return text + "}" + number(size_of(type));
}

std::string spell_pointer(tree to)
{
	if (TREE_CODE(to) == FUNCTION_TYPE)
		return "*function";
	if (!RECORD_OR_UNION_TYPE_P(to))
		return "*" + spell(to);
	if (name_of(to).empty())
		return "*" + spell_fields(to);
	reach(to);
	return "*" + name_of(to);
}

std::string spell_enumeration(tree type)
{
	std::string text = "enum{";
	for (tree value = TYPE_VALUES(type); value; value = TREE_CHAIN(value)) {
		tree constant = TREE_VALUE(value);
		if (TREE_CODE(constant) == CONST_DECL)
			constant = DECL_INITIAL(constant);
		text += std::string(IDENTIFIER_POINTER(TREE_PURPOSE(value))) + "=" + number(TREE_INT_CST_LOW(constant)) + ",";
	}
	return text + "}" + number(size_of(type));
}

// All of it that another build must have the same, as text. What a pointer leads to is in an entry of its own.
std::string spell(tree type)
{
	switch (TREE_CODE(type)) {
	case RECORD_TYPE:
	case UNION_TYPE:
		return spell_fields(type);
	case POINTER_TYPE:
		return spell_pointer(TREE_TYPE(type));
	case ENUMERAL_TYPE:
		return spell_enumeration(type);
	case ARRAY_TYPE: {
		HOST_WIDE_INT element = size_of(TREE_TYPE(type));
		return "[" + number(element ? size_of(type) / element : 0) + "]" + spell(TREE_TYPE(type));
	}
	case VOID_TYPE:
		return "void";
	default:
		return std::string(get_tree_code_name(TREE_CODE(type))) + (INTEGRAL_TYPE_P(type) && TYPE_UNSIGNED(type) ? "u" : "") +
		       number(size_of(type));
	}
}

void reach(tree type)
{
	type = TYPE_MAIN_VARIANT(type);
	if (!COMPLETE_TYPE_P(type) || name_of(type).empty() || types.count(name_of(type)))
		return;
	types[name_of(type)] = 0; // it may lead to itself
	types[name_of(type)] = hash_of(spell_fields(type));
}

// --- pointers without a type that are taken for one to a structure ---

tree visit_conversion(tree *at, int *, void *)
{
	tree to = *at;
	if (!CONVERT_EXPR_P(to) || !POINTER_TYPE_P(TREE_TYPE(to)) || !RECORD_OR_UNION_TYPE_P(TREE_TYPE(TREE_TYPE(to))))
		return NULL_TREE;
	tree from = TREE_OPERAND(to, 0), type = TREE_TYPE(from);
	if (POINTER_TYPE_P(type) ? VOID_TYPE_P(TREE_TYPE(type)) && !integer_zerop(from) : !CONSTANT_CLASS_P(from))
		reach(TREE_TYPE(TREE_TYPE(to)));
	return NULL_TREE;
}

void visit_function(void *function, void *)
{
	tree declaration = (tree)function;
	walk_tree_without_duplicates(&DECL_SAVED_TREE(declaration), visit_conversion, NULL);
}

// --- names ---

// The last folder and the file: the same wherever it is built.
std::string file_name()
{
	std::string path = main_input_filename, name;
	size_t slash = path.rfind('/');
	if (slash != std::string::npos && slash > 0) {
		size_t before = path.rfind('/', slash - 1);
		path = path.substr(before == std::string::npos ? 0 : before + 1);
	}
	for (char letter : path)
		name += ISALNUM(letter) ? letter : letter == '/' ? '.' : letter == '.' ? '.' : '_';
	return name;
}

void name_variables(void *, void *)
{
	std::set<std::string> given;
	varpool_node *node;
	FOR_EACH_VARIABLE(node) {
		tree variable = node->decl;
		if (TREE_PUBLIC(variable) || DECL_EXTERNAL(variable) || !TREE_STATIC(variable) || !DECL_NAME(variable) ||
		    DECL_ARTIFICIAL(variable) || DECL_HAS_VALUE_EXPR_P(variable))
			continue;
		tree function = DECL_CONTEXT(variable);
		std::string name = IDENTIFIER_POINTER(DECL_NAME(variable));
		if (function && TREE_CODE(function) == FUNCTION_DECL)
			name += "." + std::string(IDENTIFIER_POINTER(DECL_NAME(function)));
		name += "." + file_name();
		std::string unique = name;
		for (unsigned i = 2; !given.insert(unique).second; i++)
			unique = name + "." + number(i);
		symtab->change_decl_assembler_name(variable, get_identifier(unique.c_str()));
	}
}

// --- entries ---

void entry(const std::string &section, const std::string &address, uint64_t hash, HOST_WIDE_INT size, unsigned alignment,
           layout_kind kind, const std::string &name)
{
	size_t length = sizeof(layout_entry) + (name.size() + 8) / 8 * 8;
	fprintf(asm_out_file, "\t.section\t.stash_layout,%s\n\t.balign\t8\n", section.c_str());
	fprintf(asm_out_file, "\t.quad\t%s\n\t.quad\t%s\n\t.quad\t%" PRIu64 "\n\t.long\t%lld\n", address.c_str(), address.c_str(), hash,
	        (long long)size);
	fprintf(asm_out_file, "\t.short\t%u\n\t.short\t%u\n\t.long\t%zu\n\t.long\t0\n\t.asciz\t\"%s\"\n\t.balign\t8\n", alignment, kind,
	        length, name.c_str());
}

void describe_variable(tree variable, bool constant)
{
	std::string name = IDENTIFIER_POINTER(DECL_ASSEMBLER_NAME(variable));
	tree size = DECL_SIZE_UNIT(variable);
	if (!TREE_PUBLIC(variable))
		fprintf(asm_out_file, "\t.globl\t%s\n\t.hidden\t%s\n", name.c_str(), name.c_str());
	entry("\"\",@progbits", name, hash_of(spell(TREE_TYPE(variable))), size ? tree_to_shwi(size) : 0, DECL_ALIGN_UNIT(variable),
	      constant ? LAYOUT_CONSTANT : LAYOUT_VARIABLE, name);
}

void describe_unit(void *, void *)
{
	varpool_node *node;
	FOR_EACH_VARIABLE(node) {
		const char *section = DECL_SECTION_NAME(node->decl);
		if (!section || !TREE_ASM_WRITTEN(node->decl))
			continue;
		if (!strcmp(section, ".stash") || !strcmp(section, ".sbss.stash"))
			describe_variable(node->decl, false);
		else if (!strcmp(section, ".stash.constant"))
			describe_variable(node->decl, true);
	}
	for (const auto &[name, hash] : types) {
		char mark[32];
		snprintf(mark, sizeof mark, "%016" PRIx64, hash);
		entry("\"G\",@progbits,layout." + name + "." + mark + ",comdat", "0", hash, 0, 1, LAYOUT_TYPE, name);
	}
}

} // namespace

void describe_register(const char *plugin)
{
	register_callback(plugin, PLUGIN_PRE_GENERICIZE, visit_function, NULL);
	register_callback(plugin, PLUGIN_ALL_IPA_PASSES_START, name_variables, NULL);
	register_callback(plugin, PLUGIN_FINISH_UNIT, describe_unit, NULL);
}
