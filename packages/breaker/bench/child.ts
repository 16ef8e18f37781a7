import * as rows from './rows.ts';

const [row = '', name = ''] = process.argv.slice(2);
const measurements: Record<string, (name: string) => Promise<unknown>> = { ...rows };
const result = await measurements[row]?.(name);
process.send?.({ result }, () => process.exit());
