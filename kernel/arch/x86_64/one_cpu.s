/* Before every file of a build for one CPU: what is atomic without the prefix is atomic enough. */
	.macro lock instruction:vararg
	\instruction
	.endm
