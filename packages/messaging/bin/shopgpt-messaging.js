#!/usr/bin/env node
import { main } from '@shopgpt/messaging/cli';

process.exitCode = await main(process.argv.slice(2));
