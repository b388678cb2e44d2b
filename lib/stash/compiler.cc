// A GCC plugin: recoverable code saves what it is about to overwrite (see README.md).
//
// It does two things to a translation unit. Variables go to the section .stash, which is linked into the stash. And
// before each store that may reach the stash a hook is called with the address: after all optimisation, when the
// stores that are left are those the machine will make. What the hook has to know is only which bytes; stores near
// one another off the same base share one hook at the first of them, because saving early saves the same bytes.
//
// The hook is called from an assembly statement, not by a C call: it destroys four registers and nothing else, so
// the code around it keeps its values where they are. (Recoverable code has no red zone for that reason.)
#include "gcc-plugin.h"
#include "plugin-version.h"
#include "tree.h"
#include "gimple.h"
#include "gimple-iterator.h"
#include "gimplify.h"
#include "gimple-walk.h"
#include "gimplify-me.h"
#include "builtins.h"
#include "tree-pass.h"
#include "context.h"
#include "ssa.h"
#include "fold-const.h"
#include "cgraph.h"
#include "stringpool.h"
#include "attribs.h"
#include "diagnostic-core.h"
#include "internal-fn.h"
#include "tree-ssa-operands.h"
#include "tree-dfa.h"
#include "tree-ssa-address.h"
#include "output.h"
#include "backend.h"
#include "hard-reg-set.h"
#include "varasm.h"
#include "describe.h"
#include <string.h>
#include <vector>

int plugin_is_GPL_compatible;

namespace {

const HOST_WIDE_INT granule = 32;    // bytes that are saved at a time (stash.h: STASH_GRANULE)
const HOST_WIDE_INT share_max = 64;  // stores this near to each other share a hook

// One call of a hook: before `at`, for `length` bytes at `base` + `first`, or at `address` where that is not constant.
struct hook {
	gimple *at;
	tree base;
	HOST_WIDE_INT first, end;
	unsigned alignment; // in bytes, of base + first
	tree address, length; // where there is no base
	bool shared;          // still may grow
};

tree void_pointer(tree value)
{
	return fold_convert(ptr_type_node, value);
}

// Not in the stash: on the stack, of a thread, or said to be no state (server.h: NOT_STATE).
bool is_outside(tree base)
{
	if (!DECL_P(base) || !is_global_var(base))
		return DECL_P(base);
	const char *section = VAR_P(base) ? DECL_SECTION_NAME(base) : NULL;
	return VAR_P(base) && (DECL_THREAD_LOCAL_P(base) || (section && strcmp(section, ".bss.not_state") == 0));
}

bool points_outside(tree pointer)
{
	return TREE_CODE(pointer) == ADDR_EXPR && is_outside(TREE_OPERAND(pointer, 0));
}

class collector {
public:
	void visit(gimple *statement);
	void emit();

private:
	std::vector<hook> hooks;

	void store(gimple *at, tree reference);
	void range(gimple *at, tree address, tree length);
	void constant(gimple *at, tree base, HOST_WIDE_INT first, HOST_WIDE_INT end, unsigned alignment);
	void call(gcall *statement);
	void assembly(gasm *statement);
};

void collector::range(gimple *at, tree address, tree length)
{
	hooks.push_back({ at, NULL_TREE, 0, 0, 1, address, length, false });
}

void collector::constant(gimple *at, tree base, HOST_WIDE_INT first, HOST_WIDE_INT end, unsigned alignment)
{
	for (hook &other : hooks) {
		if (!other.base || !operand_equal_p(other.base, base, 0))
			continue;
		if (other.first <= first && end <= other.end)
			return;
		HOST_WIDE_INT low = MIN(first, other.first), high = MAX(end, other.end);
		if (!other.shared || high - low > share_max)
			continue;
		if (first < other.first)
			other.alignment = alignment;
		other.first = low;
		other.end = high;
		return;
	}
	hooks.push_back({ at, base, first, end, alignment, NULL_TREE, NULL_TREE, true });
}

bool is_marked(const_tree type)
{
	return type && lookup_attribute("not_state_type", TYPE_ATTRIBUTES(TYPE_MAIN_VARIANT(type)));
}

// Part of a structure that is never in the stash, as its type says (not_state.h).
bool is_of_no_state(tree reference)
{
	for (; handled_component_p(reference); reference = TREE_OPERAND(reference, 0))
		if (is_marked(TREE_TYPE(reference)))
			return true;
	if (is_marked(TREE_TYPE(reference)))
		return true;
	return TREE_CODE(reference) == MEM_REF && is_marked(TREE_TYPE(TREE_TYPE(TREE_OPERAND(reference, 1))));
}

// A store to this lvalue.
void collector::store(gimple *at, tree reference)
{
	poly_int64 bits, position;
	tree offset;
	machine_mode mode;
	int is_unsigned, reverse, is_volatile;
	if (is_of_no_state(reference))
		return;
	if (TREE_CODE(reference) == WITH_SIZE_EXPR) {
		range(at, build_fold_addr_expr(unshare_expr(TREE_OPERAND(reference, 0))), TREE_OPERAND(reference, 1));
		return;
	}
	tree base = get_inner_reference(reference, &bits, &position, &offset, &mode, &is_unsigned, &reverse, &is_volatile);
	if (TREE_CODE(base) == MEM_REF || TREE_CODE(base) == TARGET_MEM_REF ? points_outside(TREE_OPERAND(base, 0)) : is_outside(base))
		return;
	if (TREE_CODE(base) == SSA_NAME)
		return;
	HOST_WIDE_INT bit_count, bit_position;
	bool known = bits.is_constant(&bit_count) && position.is_constant(&bit_position) && bit_count > 0;
	bool whole = known && bit_position % 8 == 0 && bit_count % 8 == 0;
	if (known && !offset && (DECL_P(base) || TREE_CODE(base) == MEM_REF)) {
		HOST_WIDE_INT first = bit_position >= 0 ? bit_position / 8 : -((7 - bit_position) / 8);
		HOST_WIDE_INT end = (bit_position + bit_count + 7) / 8;
		unsigned alignment = get_object_alignment(reference) / 8;
		if (!whole)
			alignment = 1;
		tree root = base;
		if (TREE_CODE(base) == MEM_REF) {
			HOST_WIDE_INT more = mem_ref_offset(base).force_shwi().to_constant();
			first += more;
			end += more;
			root = TREE_OPERAND(base, 0);
		}
		constant(at, root, first, end, alignment ? alignment : 1);
		return;
	}
	if (TREE_CODE(base) == TARGET_MEM_REF && whole && !offset) {
		tree address = tree_mem_ref_addr(ptr_type_node, base);
		hooks.push_back({ at, NULL_TREE, 0, bit_count / 8, 1,
				  fold_build_pointer_plus_hwi(void_pointer(address), bit_position / 8), NULL_TREE, false });
		hooks.back().alignment = get_object_alignment(reference) / 8;
		return;
	}
	if (!whole) { // a bit-field at a variable place: the structure it is in
		while (handled_component_p(reference) && TREE_CODE(reference) != COMPONENT_REF)
			reference = TREE_OPERAND(reference, 0);
		if (TREE_CODE(reference) == COMPONENT_REF)
			reference = TREE_OPERAND(reference, 0);
		bit_count = tree_to_shwi(TYPE_SIZE(TREE_TYPE(reference)));
	}
	hook entry = { at, NULL_TREE, 0, bit_count / 8, get_object_alignment(reference) / 8,
		       build_fold_addr_expr(unshare_expr(reference)), NULL_TREE, false };
	hooks.push_back(entry);
}

// Memory outputs of an assembly statement. What it does behind a "memory" clobber is its author's to announce.
void collector::assembly(gasm *statement)
{
	for (unsigned i = 0; i < gimple_asm_noutputs(statement); i++) {
		tree output = TREE_VALUE(gimple_asm_output_op(statement, i));
		if (!is_gimple_reg(output))
			store(statement, output);
	}
}

bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

void collector::call(gcall *statement)
{
	if (gimple_call_internal_p(statement)) {
		const char *name = internal_fn_name(gimple_call_internal_fn(statement));
		if (starts_with(name, "ATOMIC_"))
			range(statement, gimple_call_arg(statement, 0), size_int(8));
		else if (strstr(name, "STORE"))
			error_at(gimple_location(statement), "recoverable code: a store without a hook (%s)", name);
		return;
	}
	tree function = gimple_call_fndecl(statement);
	if (!function || !fndecl_built_in_p(function, BUILT_IN_NORMAL))
		return;
	switch (DECL_FUNCTION_CODE(function)) {
	case BUILT_IN_MEMCPY:
	case BUILT_IN_MEMMOVE:
	case BUILT_IN_MEMSET:
	case BUILT_IN_MEMPCPY:
		range(statement, gimple_call_arg(statement, 0), gimple_call_arg(statement, 2));
		return;
	case BUILT_IN_BZERO:
		range(statement, gimple_call_arg(statement, 0), gimple_call_arg(statement, 1));
		return;
	default:
		break;
	}
	const char *name = IDENTIFIER_POINTER(DECL_NAME(function));
	int width = atoi(name + strcspn(name, "0123456789")); // __atomic_store_4
	if ((starts_with(name, "__atomic_") || starts_with(name, "__sync_")) && !starts_with(name, "__atomic_load") &&
	    gimple_call_num_args(statement) >= 1 && POINTER_TYPE_P(TREE_TYPE(gimple_call_arg(statement, 0))))
		range(statement, gimple_call_arg(statement, 0), size_int(width ? width : 16));
}

void collector::visit(gimple *statement)
{
	if (gimple_clobber_p(statement))
		return;
	if (gasm *assembly_statement = dyn_cast<gasm *>(statement))
		assembly(assembly_statement);
	gcall *call_statement = dyn_cast<gcall *>(statement);
	if (call_statement)
		call(call_statement);
	if (gimple_store_p(statement))
		store(statement, gimple_get_lhs(statement));
	if (call_statement) // it may not come back: what follows is saved on its own
		for (hook &entry : hooks)
			entry.shared = false;
}

tree operand(const char *constraint, tree value)
{
	tree list = build_tree_list(NULL_TREE, build_string(strlen(constraint) + 1, constraint));
	return build_tree_list(list, value);
}

tree clobber(const char *name)
{
	return build_tree_list(NULL_TREE, build_string(strlen(name) + 1, name));
}

void emit_one(const hook &entry)
{
	gimple_stmt_iterator position = gsi_for_stmt(entry.at);
	tree address = entry.address;
	if (entry.base) {
		tree start = DECL_P(entry.base) ? build_fold_addr_expr(entry.base) : entry.base;
		address = fold_build_pointer_plus_hwi(void_pointer(unshare_expr(start)), entry.first);
	}
	address = force_gimple_operand_gsi(&position, void_pointer(address), true, NULL_TREE, true, GSI_SAME_STMT);
	HOST_WIDE_INT length = entry.end - entry.first;
	bool one = !entry.length && length <= granule && (length & (length - 1)) == 0 && entry.alignment >= length;
	bool small = !entry.length && length <= granule;
	const char *text = one ? "call stash_save" : small ? "call stash_save_two" : "call stash_save_range";
	vec<tree, va_gc> *inputs = NULL, *clobbers = NULL;
	vec_safe_push(inputs, operand("D", address));
	if (!one) {
		tree bytes = entry.length ? entry.length : size_int(length);
		bytes = force_gimple_operand_gsi(&position, fold_convert(size_type_node, bytes), true, NULL_TREE, true,
		                                 GSI_SAME_STMT);
		vec_safe_push(inputs, operand("S", bytes));
	}
	vec_safe_push(clobbers, clobber("memory"));
	vec_safe_push(clobbers, clobber("cc"));
	vec_safe_push(clobbers, clobber("rax"));
	vec_safe_push(clobbers, clobber("r11"));
	if (!small)
		vec_safe_push(clobbers, clobber("rdx"));
	gasm *statement = gimple_build_asm_vec(text, inputs, NULL, clobbers, NULL);
	gimple_asm_set_volatile(statement, true);
	gimple_set_location(statement, gimple_location(entry.at));
	gsi_insert_before(&position, statement, GSI_SAME_STMT);
}

void collector::emit()
{
	for (const hook &entry : hooks)
		emit_one(entry);
}

const pass_data hooks_pass_data = {
	GIMPLE_PASS, "stash_hooks", OPTGROUP_NONE, TV_NONE, PROP_cfg | PROP_ssa, 0, 0, 0, TODO_update_ssa_only_virtuals,
};

class hooks_pass : public gimple_opt_pass {
public:
	explicit hooks_pass(gcc::context *context) : gimple_opt_pass(hooks_pass_data, context) {}
	unsigned int execute(function *body) override
	{
		basic_block block;
		FOR_EACH_BB_FN(block, body) {
			collector stores;
			for (gimple_stmt_iterator i = gsi_start_bb(block); !gsi_end_p(i); gsi_next(&i))
				stores.visit(gsi_stmt(i));
			stores.emit();
		}
		return 0;
	}
};

// A variable of a type that says it is none, or with a part of one, would be written without hooks.
bool has_marked(tree type)
{
	while (TREE_CODE(type) == ARRAY_TYPE)
		type = TREE_TYPE(type);
	if (is_marked(type))
		return true;
	if (!RECORD_OR_UNION_TYPE_P(type))
		return false;
	for (tree field = TYPE_FIELDS(type); field; field = DECL_CHAIN(field))
		if (TREE_CODE(field) == FIELD_DECL && has_marked(TREE_TYPE(field)))
			return true;
	return false;
}

// Before sections are chosen: each variable that can change lives in the stash.
void place_variables(void *, void *)
{
	varpool_node *node;
	FOR_EACH_VARIABLE(node) {
		tree variable = node->decl;
		if (DECL_EXTERNAL(variable) || TREE_READONLY(variable) || DECL_THREAD_LOCAL_P(variable) ||
		    !TREE_STATIC(variable) || DECL_SECTION_NAME(variable) || DECL_HAS_VALUE_EXPR_P(variable))
			continue;
		if (has_marked(TREE_TYPE(variable)))
			error_at(DECL_SOURCE_LOCATION(variable), "recoverable code: state of a type that is said to be none");
		tree value = DECL_INITIAL(variable);
		bool zero = !value || value == error_mark_node || initializer_zerop(value);
		DECL_COMMON(variable) = 0;
		set_decl_section_name(variable, zero ? ".sbss.stash" : ".stash"); // the first has no bytes in the file
	}
}

tree type_mark(tree *, tree, tree, int, bool *)
{
	return NULL_TREE;
}

attribute_spec not_state_type = { "not_state_type", 0, 0, false, true, false, false, type_mark, NULL };

void register_marks(void *, void *)
{
	register_attribute(&not_state_type);
}

// The mark that tools/stash_check.py looks for.
void mark_object(void *, void *)
{
	fputs("\t.section\t.stash_hooks,\"\",@progbits\n\t.text\n", asm_out_file);
}

} // namespace

int plugin_init(plugin_name_args *information, plugin_gcc_version *version)
{
	if (!plugin_default_version_check(version, &gcc_version)) {
		error("the plugin was built for another compiler");
		return 1;
	}
	register_pass_info pass = { new hooks_pass(g), "optimized", 1, PASS_POS_INSERT_AFTER };
	register_callback(information->base_name, PLUGIN_PASS_MANAGER_SETUP, NULL, &pass);
	register_callback(information->base_name, PLUGIN_ATTRIBUTES, register_marks, NULL);
	register_callback(information->base_name, PLUGIN_ALL_IPA_PASSES_START, place_variables, NULL);
	describe_register(information->base_name);
	register_callback(information->base_name, PLUGIN_FINISH_UNIT, mark_object, NULL);
	return 0;
}
