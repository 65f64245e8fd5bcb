using System.Runtime.CompilerServices;

// Every native call of ours takes plain numbers and pointers. Said so, the calls are compiled ahead of time instead of at their first use in every process.
[assembly: DisableRuntimeMarshalling]
