/* An unmodified program, Debian's Lua, as what a server does in its steps: killed at random instructions, taken back byte
 * for byte, and run to the same end. Not recoverable code itself: it only calls some. */
#include "stash_host.h"
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#define STEPS 500
#define KILLS_A_STEP 5

static lua_State *lua;

static const char *const program =
	"local objects, words, log = {}, {}, ''\n"
	"local threads = {}\n"
	"local function random(s) return (s * 1103515245 + 12345) % 2147483648 end\n"
	"function step(n)\n"
	"  local s = random(n * 7919 + 1)\n"
	"  for i = 1, 5 + s % 40 do\n"
	"    s = random(s)\n"
	"    local key = 'key' .. s // 64 % 500\n"
	"    words[key] = (words[key] or 0) + i\n"
	"    objects[#objects + 1] = { name = key, list = { i, s, tostring(s / 3) }, f = function() return key, s end }\n"
	"    if s % 5 == 0 then table.remove(objects, 1 + s % #objects) end\n"
	"  end\n"
	"  if #objects > 400 then objects = { table.unpack(objects, 300) } end\n"
	"  table.sort(objects, function(a, b) return a.list[2] < b.list[2] end)\n"
	"  log = (log .. string.format('%d:%5.2f:%s ', n, s / 7, objects[1].name)):sub(-2000):gsub('9', '<9>')\n"
	"  threads[s % 8] = threads[s % 8] or coroutine.wrap(function() while true do coroutine.yield(#log) end end)\n"
	"  if threads[s % 8]() ~= #log then error('a thread sees another log') end\n"
	"  local ok, message = pcall(function() local t = nil; return t[n] end)\n"
	"  if ok or not message:find('nil value') then error('no error') end\n"
	"  if n % 17 == 0 then collectgarbage() elseif n % 3 == 0 then collectgarbage('step', 50) end\n"
	"end\n";

static void lua_step(uint64_t number)
{
	lua_getglobal(lua, "step");
	lua_pushinteger(lua, (lua_Integer)number);
	if (lua_pcall(lua, 1, 0, 0) != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(lua, -1));
		__builtin_trap();
	}
}

static void lua_start(uint64_t unused)
{
	(void)unused;
	static const luaL_Reg libraries[] = {
		{ LUA_GNAME, luaopen_base }, { LUA_TABLIBNAME, luaopen_table }, { LUA_STRLIBNAME, luaopen_string },
		{ LUA_COLIBNAME, luaopen_coroutine }, { NULL, NULL },
	};
	lua = luaL_newstate();
	for (const luaL_Reg *library = libraries; library->func; library++) {
		luaL_requiref(lua, library->name, library->func, 1);
		lua_pop(lua, 1);
	}
	if (luaL_dostring(lua, program) != LUA_OK)
		fprintf(stderr, "%s\n", lua_tostring(lua, -1));
}

int main(void)
{
	step_whole(lua_start, 0);
	return lua && steps_survive_kills(lua_step, STEPS, KILLS_A_STEP) ? 0 : 1;
}
