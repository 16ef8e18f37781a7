export { type KafkajsOptions, kafkajs } from './driver.ts';
