// Loaded into the service before its own code: a test run that is killed leaves no process behind.
process.stdin.on('error', () => process.exit(1));
process.stdin.on('end', () => process.exit(1));
process.stdin.resume();
